"""Recording a call and playing it again, free of the engine."""
