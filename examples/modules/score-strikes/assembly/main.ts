// Scores every cleaned strike, sums up by region, and decides how the job goes on.
//
// In: `input.rows`, as clean-strikes leaves them. Out: `rows` (each with severity, severe, region, year, decade and
// month added), `severe` (those of them that are), `by_region` and `summary`; next step: `params.alert_step` when there
// are too many severe strikes, else `params.normal_step`.

import { Call, Params, readCall } from "./call";
import { getContext, give, Level, log } from "./hengio";
import { Reader } from "./reader";
import { regionOf, Tally } from "./region";
import { readStrike, Strike } from "./strike";
import { Writer } from "./writer";

export { hengio_alloc } from "./hengio";

/** The entry that a job step calls. */
export function run(ptr: usize, len: i32): u64 {
  const reader = new Reader(ptr, ptr + len);
  const call = readCall(reader);
  if (reader.error != null) return failure("bad_input", reader.error!);
  const scoring = new Scoring(call, len);
  const problem = scoring.read(new Reader(call.rows, ptr + len, ptr));
  if (problem != null) return failure("bad_input", problem);
  return scoring.finish();
}

function failure(code: string, message: string): u64 {
  const answer = new Writer(256).raw('{"hengio":1,"error":{"code":').text(code).raw(',"message":').text(message).raw("}}");
  return give(answer.ptr, answer.length);
}

class Scoring {
  private params: Params;
  private answer: Writer;
  private severeRows: Writer = new Writer(64 * 1024);
  private strikes: i32 = 0;
  private severe: i32 = 0;
  private highest: i32 = 0;
  private regions: Map<string, Tally> = new Map<string, Tally>();

  constructor(call: Call, inputLength: i32) {
    this.params = call.params;
    this.answer = new Writer(inputLength + inputLength / 2).raw('{"hengio":1,"output":{"rows":[');
  }

  /** Scores the rows one after the other; returns what is wrong with them, if anything is. */
  read(reader: Reader): string | null {
    for (let more = reader.open(0x5b); more; more = reader.more(0x5b)) {
      const strike = readStrike(reader);
      if (reader.error != null) break;
      const row = "row " + (this.strikes + 1).toString();
      if (strike.bare) return row + " of input.rows is not a cleaned strike";
      if (strike.scored) return row + " of input.rows was scored before";
      this.score(strike);
    }
    return reader.error;
  }

  private score(strike: Strike): void {
    const severity = strike.severity;
    const severe = (severity as f64) >= this.params.severeFrom;
    const region = regionOf(strike.state);
    const from = this.answer.length;
    if (this.strikes++ > 0) this.answer.raw(",");
    const start = this.strikes > 1 ? from + 1 : from;
    this.answer.copy(strike.from, (strike.to - strike.from) as i32).back();
    this.answer.raw(',"severity":').raw(severity.toString()).raw(severe ? ',"severe":true,"region":"' : ',"severe":false,"region":"').raw(region);
    this.answer.raw('","year":').raw(strike.year.toString()).raw(',"decade":"').raw((strike.year / 10).toString());
    this.answer.raw('0s","month":').raw(strike.month.toString()).raw("}");
    this.highest = max(this.highest, severity);
    this.tally(region, severe, strike.cost);
    if (!severe) return;
    if (this.severe++ > 0) this.severeRows.raw(",");
    this.severeRows.copy(this.answer.ptr + start, this.answer.length - start);
  }

  private tally(region: string, severe: bool, cost: f64): void {
    if (!this.regions.has(region)) this.regions.set(region, new Tally());
    const tally = this.regions.get(region);
    tally.strikes++;
    tally.severe += severe as i32;
    tally.cost += cost;
  }

  finish(): u64 {
    const alert = this.alerts;
    this.answer.raw('],"severe":[').copy(this.severeRows.ptr, this.severeRows.length).raw('],"by_region":[');
    this.writeRegions();
    this.answer.raw('],"summary":{"strikes":').raw(this.strikes.toString()).raw(',"severe":').raw(this.severe.toString());
    this.answer.raw(',"highest_severity":').raw(this.highest.toString()).raw(alert ? ',"alert":true}}' : ',"alert":false}}');
    const next = alert ? this.params.alertStep : this.params.normalStep;
    if (next.length > 0) this.answer.raw(',"next_steps":[').text(next).raw("]");
    this.answer.raw("}");
    this.tell(alert, next);
    return give(this.answer.ptr, this.answer.length);
  }

  private get alerts(): bool {
    const severe = this.severe as f64;
    return severe > this.params.alertAbove || severe > this.params.alertAboveShare * (this.strikes as f64);
  }

  private writeRegions(): void {
    const names = this.regions.keys().sort();
    for (let i = 0; i < names.length; i++) {
      const tally = this.regions.get(names[i]);
      this.answer.raw(i > 0 ? ',{"region":' : '{"region":').text(names[i]).raw(',"strikes":').raw(tally.strikes.toString());
      this.answer.raw(',"severe":').raw(tally.severe.toString()).raw(',"cost_total":').raw((tally.cost as i64).toString()).raw("}");
    }
  }

  /** The log line says how much was cleaned before, if the step before left its counts. */
  private tell(alert: bool, next: string): void {
    const read = getContext("variables.cleaning.read");
    const whole = read == null ? "" : " (of " + String.UTF8.decode(read) + " reports read)";
    const counts = this.severe.toString() + " of " + this.strikes.toString() + " strikes" + whole + " are severe";
    log(alert ? Level.Warn : Level.Info, counts + (next.length > 0 ? ": going on with " + next : ""));
  }
}
