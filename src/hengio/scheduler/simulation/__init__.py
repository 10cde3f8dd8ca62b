"""What schedules would do in a time to come: `simulate` follows many of them with a virtual clock. Pure.

A job's executions follow one another by the rules of production: `course` has them in short loops, one for each overlap
policy, since a month of a job that fires every second is millions of fires. `world` follows the same job by the
scheduler's own decisions (`scheduler.plan`), one by one; a property test holds the two together.
"""
