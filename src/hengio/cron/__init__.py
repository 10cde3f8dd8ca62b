"""Cron expressions of Quartz and Unix: `parse` reads one, an `Expression` tells its times on the wall (H1.1). Pure."""
