"""HTTP to the outside world: a request goes only where its caller was allowed, at every hop."""
