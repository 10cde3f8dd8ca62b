// What this module reads of one strike, and how severe that is.

import { Reader } from "./reader";

export class Strike {
  damage: string = "";
  size: string = "";
  phase: string = "";
  state: string = "";
  date: string = "";
  speed: f64 = 0;
  cost: f64 = 0;
  /** The row as it stands in the input: from its opening brace to behind its closing one. */
  from: usize = 0;
  to: usize = 0;
  /** A member that this module would add is there already. */
  scored: bool = false;

  get bare(): bool {
    return this.damage.length == 0 && this.date.length == 0;
  }

  get year(): i32 {
    return I32.parseInt(this.date.substr(0, 4));
  }

  get month(): i32 {
    return I32.parseInt(this.date.substr(5, 2));
  }

  /** From 0 (no damage, small animal, on the ground) to 100. */
  get severity(): i32 {
    return damagePoints(this.damage) + sizePoints(this.size) + phasePoints(this.phase) + speedPoints(this.speed) + costPoints(this.cost);
  }
}

/** Reads a cleaned row; what it does not know stays where it is. */
export function readStrike(reader: Reader): Strike {
  const strike = new Strike();
  reader.peek();
  strike.from = reader.at;
  for (let more = reader.open(0x7b); more; more = reader.more(0x7b)) {
    const key = reader.key();
    if (key == "damage") strike.damage = reader.text();
    else if (key == "wildlife_size") strike.size = reader.text();
    else if (key == "phase") strike.phase = reader.text();
    else if (key == "state") strike.state = reader.text();
    else if (key == "flight_date") strike.date = reader.text();
    else if (key == "speed_knots") strike.speed = reader.number(0);
    else if (key == "cost_total") strike.cost = reader.number(0);
    else {
      if (key == "severity") strike.scored = true;
      reader.skip();
    }
  }
  strike.to = reader.at;
  return strike;
}

function damagePoints(damage: string): i32 {
  if (damage == "none") return 0;
  if (damage == "medium") return 30;
  if (damage == "substantial") return 45;
  return 15; // minor, or a code that only the authors of the report know
}

function sizePoints(size: string): i32 {
  if (size == "large") return 20;
  return size == "medium" ? 10 : 0;
}

/** Little height and little room to react count most. */
function phasePoints(phase: string): i32 {
  if (phase == "take_off_run" || phase == "climb") return 10;
  return phase == "approach" || phase == "descent" ? 5 : 0;
}

function speedPoints(knots: f64): i32 {
  if (knots >= 250) return 10;
  return knots >= 150 ? 5 : 0;
}

function costPoints(dollars: f64): i32 {
  if (dollars >= 1_000_000) return 15;
  if (dollars >= 100_000) return 10;
  return dollars >= 10_000 ? 5 : 0;
}
