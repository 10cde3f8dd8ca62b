// The call as the step passes it: `params` of its configuration, and `input` with the rows.

import { Reader } from "./reader";

export class Params {
  /** From this severity on a strike is severe. */
  severeFrom: f64 = 60;
  /** More severe strikes than this, and the job takes the alert branch. */
  alertAbove: f64 = 200;
  /** The same as a share of all strikes (0 to 1). */
  alertAboveShare: f64 = 1;
  /** Ids of the steps to go on with. */
  alertStep: string = "";
  normalStep: string = "";
}

export class Call {
  params: Params = new Params();
  /** Where the list of rows begins in the text; 0 if there is none. */
  rows: usize = 0;
}

export function readCall(reader: Reader): Call {
  const call = new Call();
  for (let more = reader.open(0x7b); more; more = reader.more(0x7b)) {
    const key = reader.key();
    if (key == "params" && reader.peek() == 0x7b) readParams(reader, call.params);
    else if (key == "input" && reader.peek() == 0x7b) readInput(reader, call);
    else reader.skip();
  }
  if (call.rows == 0) reader.fail("there is no list input.rows");
  return call;
}

function readParams(reader: Reader, params: Params): void {
  for (let more = reader.open(0x7b); more; more = reader.more(0x7b)) {
    const key = reader.key();
    if (key == "severe_from") params.severeFrom = reader.number(params.severeFrom);
    else if (key == "alert_above") params.alertAbove = reader.number(params.alertAbove);
    else if (key == "alert_above_share") params.alertAboveShare = reader.number(params.alertAboveShare);
    else if (key == "alert_step") params.alertStep = reader.text();
    else if (key == "normal_step") params.normalStep = reader.text();
    else reader.skip();
  }
}

function readInput(reader: Reader, call: Call): void {
  for (let more = reader.open(0x7b); more; more = reader.more(0x7b)) {
    if (reader.key() == "rows" && reader.peek() == 0x5b) call.rows = reader.at;
    reader.skip();
  }
}
