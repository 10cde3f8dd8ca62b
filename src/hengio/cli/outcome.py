"""How the outcome of one call is told: what a module put out, logged, and why it failed."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from hengio import codec
from hengio.cli.marks import LEVELS
from hengio.cli.present import assembled, document, escape, said
from hengio.model.outcome import Outcome, OutcomeKind


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """For programs."""
    reply = outcome.reply
    return {
        "outcome": outcome.kind.value,
        "output": None if reply is None else reply.output,
        "next_steps": None if reply is None else reply.routing,
        "context": None if reply is None else reply.context,
        "error": outcome.failure,
        "backtrace": outcome.backtrace,
        "fuel_used": outcome.fuel_used,
        "fuel_exact": outcome.fuel_exact,
        "peak_memory_bytes": outcome.peak_memory_bytes,
        "duration_ms": round(outcome.duration_ms, 3),
        "compiler": outcome.compiler,
        "host_calls": outcome.host_calls,
        "io_calls": outcome.io_calls,
        "denials": outcome.denials,
        "logs": outcome.logs,
        "logs_dropped": outcome.logs_dropped,
    }


def show_outcome(console: Console, outcome: Outcome) -> None:
    """For people. What was denied is for the command to tell, which knows what would allow it."""
    for line in outcome.logs:
        console.print(assembled((f"{line.level:>5} ", LEVELS.get(line.level, "")), line.message), soft_wrap=True)
    if outcome.logs_dropped:
        console.print(f"[dim]{outcome.logs_dropped} more log lines were dropped[/]")
    good = outcome.kind is OutcomeKind.SUCCEEDED
    if outcome.reply is not None and good:
        console.print(document(bytes(outcome.reply.output)), soft_wrap=True)
    console.print(
        assembled(
            (outcome.kind.value, "bold green" if good else "bold red"),
            f"   fuel {outcome.fuel_used:,}{'' if outcome.fuel_exact else ' at least'}"
            f"   peak memory {outcome.peak_memory_bytes >> 10:,} KiB"
            f"   {outcome.duration_ms:.3f} ms   {outcome.compiler}",
        )
    )
    if outcome.failure is not None:
        console.print(said(f"{outcome.failure.code}: {outcome.failure.message}", style="red"), soft_wrap=True)
        if outcome.failure.details is not None:
            console.print(said(codec.encode(outcome.failure.details).decode(), style="dim"), soft_wrap=True)
    for frame in outcome.backtrace:
        console.print(f"  [dim]at[/] {escape(frame.function)}")
