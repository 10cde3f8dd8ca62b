"""When jobs run by themselves: what is due, what was missed, what is skipped and why."""
