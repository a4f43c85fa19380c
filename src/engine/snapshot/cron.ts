import { OrlopError } from '#errors';

/** Moments by crontab(5): each field's values; a day fits by its month's day or its week's where both are given. */
export interface CronSchedule {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly weekdays: ReadonlySet<number>;
  readonly eitherDay: boolean;
}

const words: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
};

/** Five fields with lists, ranges and steps, or a word such as `@daily`. invalid-argument names what is wrong. Pure. */
export function parseCron(text: string): CronSchedule {
  const word = text.trim().toLowerCase();
  const fields = (Object.hasOwn(words, word) ? (words[word] ?? text) : text).trim().split(/\s+/);
  if (fields.length !== 5) throw badSchedule(text);
  const values = (at: number, lowest: number, highest: number): Set<number> => {
    const set = parseField(fields[at] ?? '', lowest, highest);
    if (set === null) throw badSchedule(text);
    return set;
  };
  const weekdays = new Set([...values(4, 0, 7)].map((day) => day % 7));
  const schedule = {
    minutes: values(0, 0, 59),
    hours: values(1, 0, 23),
    days: values(2, 1, 31),
    months: values(3, 1, 12),
    weekdays,
    eitherDay: fields[2]?.startsWith('*') === false && fields[4]?.startsWith('*') === false,
  };
  // The 31st of February never comes.
  if (nextMoment(schedule, new Date(2024, 0, 1)) === null) throw badSchedule(text);
  return schedule;
}

function parseField(field: string, lowest: number, highest: number): Set<number> | null {
  const values = new Set<number>();
  for (const part of field.split(',')) {
    const found = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part);
    if (found === null) return null;
    const [, first, last, step] = found;
    const from = first === undefined ? lowest : Number(first);
    const to = last === undefined ? (first === undefined || step !== undefined ? highest : from) : Number(last);
    const by = step === undefined ? 1 : Number(step);
    if (from < lowest || to > highest || from > to || by < 1) return null;
    for (let value = from; value <= to; value += by) values.add(value);
  }
  return values;
}

/** Four years and a day: the 29th of February has come by then, but for those of 1900 and 2100. */
const farthestDays = 8 * 366;

/** The first minute after `after` that fits, in this process's time zone; null: none within eight years. Pure. */
export function nextMoment(schedule: CronSchedule, after: Date): Date | null {
  const day = new Date(after.getFullYear(), after.getMonth(), after.getDate());
  for (let count = 0; count <= farthestDays; count += 1, day.setDate(day.getDate() + 1)) {
    if (!fitsDay(schedule, day)) continue;
    for (const hour of [...schedule.hours].toSorted((one, other) => one - other)) {
      for (const minute of [...schedule.minutes].toSorted((one, other) => one - other)) {
        const moment = new Date(day.getFullYear(), day.getMonth(), day.getDate(), hour, minute);
        if (moment > after) return moment;
      }
    }
  }
  return null;
}

function fitsDay({ days, months, weekdays, eitherDay }: CronSchedule, day: Date): boolean {
  if (!months.has(day.getMonth() + 1)) return false;
  const [byDate, byWeekday] = [days.has(day.getDate()), weekdays.has(day.getDay())];
  return eitherDay ? byDate || byWeekday : byDate && byWeekday;
}

function badSchedule(text: string): OrlopError {
  return new OrlopError('invalid-argument', 'ENGINE_BAD_SCHEDULE', `${JSON.stringify(text)} is no schedule`, {
    hint: "give five fields as in crontab, such as '*/15 * * * *', or @hourly, @daily, @weekly, @monthly, @yearly",
  });
}
