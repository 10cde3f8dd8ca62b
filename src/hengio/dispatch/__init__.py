"""How an execution reaches a worker without being lost, and how those who watch hear of it."""
