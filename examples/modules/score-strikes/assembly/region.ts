// The regions of the United States Census Bureau.

const STATES = new Map<string, string>();

function place(region: string, states: string): void {
  const names = states.split(", ");
  for (let i = 0; i < names.length; i++) STATES.set(names[i], region);
}

place("Northeast", "Connecticut, Maine, Massachusetts, New Hampshire, New Jersey, New York, Pennsylvania, Rhode Island, Vermont");
place("Midwest", "Illinois, Indiana, Iowa, Kansas, Michigan, Minnesota, Missouri, Nebraska, North Dakota, Ohio, South Dakota, Wisconsin");
place("South", "Alabama, Arkansas, DC, Delaware, Florida, Georgia, Kentucky, Louisiana, Maryland, Mississippi, North Carolina, Oklahoma, South Carolina, Tennessee, Texas, Virginia, West Virginia");
place("West", "Alaska, Arizona, California, Colorado, Hawaii, Idaho, Montana, Nevada, New Mexico, Oregon, Utah, Washington, Wyoming");

/** The region of a state; "Elsewhere" for any other place. */
export function regionOf(state: string): string {
  return STATES.has(state) ? STATES.get(state) : "Elsewhere";
}

/** What is counted for one region. */
export class Tally {
  strikes: i32 = 0;
  severe: i32 = 0;
  cost: f64 = 0;
}
