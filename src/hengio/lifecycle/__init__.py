"""The one door to the state of executions: how they are born, move on, are taken over and end."""
