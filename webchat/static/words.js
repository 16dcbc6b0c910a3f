/* Words and times. Every sentence comes from strings.json; residents read Beijing time wherever the device thinks it is. */

const BEIJING = 8 * 3600 * 1000; // no daylight saving since 1991
const DAY = 24 * 3600 * 1000;

export function fill(template, values) {
  return template.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

function parts(instant) {
  const there = new Date(instant + BEIJING);
  return {
    year: there.getUTCFullYear(),
    month: there.getUTCMonth() + 1,
    day: there.getUTCDate(),
    weekday: there.getUTCDay(),
    midnight: Math.floor((instant + BEIJING) / DAY),
    clock: `${String(there.getUTCHours()).padStart(2, "0")}:${String(there.getUTCMinutes()).padStart(2, "0")}`,
  };
}

/* As WeChat does it: the hour today, yesterday, the weekday within a week, the date before that. */
export function timeLabel(instant, now, strings) {
  const then = parts(instant);
  const today = parts(now);
  const days = today.midnight - then.midnight;
  if (days === 0) return then.clock;
  if (days === 1) return `${strings.yesterday} ${then.clock}`;
  if (days > 1 && days < 7) return `${strings.weekdays[then.weekday]} ${then.clock}`;
  return `${fill(then.year === today.year ? strings.month_day : strings.year_month_day, then)} ${then.clock}`;
}

/* A promise always names its day. */
export function dueLabel(instant, now, strings) {
  const then = parts(instant);
  const days = then.midnight - parts(now).midnight;
  const day = days === 0 ? strings.today : days === 1 ? strings.tomorrow : fill(strings.month_day, then);
  return `${day} ${then.clock}`;
}
