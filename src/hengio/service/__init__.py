"""What people ask for, shared by every door: rules live here and below, never in a door."""
