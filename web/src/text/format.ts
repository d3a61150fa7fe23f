const NUMBER = new Intl.NumberFormat("en");

export function count(value: number): string {
  return NUMBER.format(value);
}

/** "1 entity", "2 entities". */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Whole percent, rounded down, so that 100% means that everything is done. */
export function percent(value: number): string {
  return `${Math.floor(Math.min(100, Math.max(0, value)))}%`;
}

/** Dollars; small sums with the digits that tell them from nothing. */
export function dollars(value: number): string {
  if (value === 0) return "$0";
  if (value < 0.0001) return "< $0.0001";
  return `$${value.toFixed(value < 0.01 ? 4 : value < 1 ? 3 : 2)}`;
}

/** Seconds in at most two units: "41 s", "3 min 5 s", "2 h 10 min", "3 d 4 h". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "min"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(" ");
}

/** A moment, as short as it can be told from now: the time of today, else the day as well. */
export function moment(iso: string | null, now: Date = new Date()): string {
  if (!iso) return "";
  const then = new Date(iso);
  const time = then.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (then.toDateString() === now.toDateString()) return time;
  const day = then.toLocaleDateString("en-GB", {
    day: "numeric",
    month: "short",
    ...(then.getFullYear() === now.getFullYear() ? {} : { year: "numeric" }),
  });
  return `${day}, ${time}`;
}

/** The last part of a path, however its folders are written. */
export function fileName(source: string | null): string {
  return source?.split(/[/\\]/).at(-1) || source || "";
}

/** The words of a name in snake_case or with dots. */
export function words(name: string): string {
  return name.replaceAll(/[_.]/g, " ");
}
