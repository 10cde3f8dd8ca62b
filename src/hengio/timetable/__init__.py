"""The nominal times of a schedule: when it fires, what it leaves out itself, and why (H1.1 to H1.4). Pure.

`timetable` compiles a schedule, `Timetable` tells its `Occurrence`s. Points in time are microseconds since 1970 in UTC;
what the clock on the wall shows is counted in microseconds, too, as if the wall hung in UTC.
"""
