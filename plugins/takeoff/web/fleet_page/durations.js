/** How long something took or is ago, in its two largest units: "42 s", "3 min 5 s", "2 h 10 min", "4 d 3 h". */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [days, hours, minutes, rest] = [
    Math.floor(whole / 86400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
    whole % 60,
  ];
  if (days) return hours ? `${days} d ${hours} h` : `${days} d`;
  if (hours) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  if (minutes) return rest ? `${minutes} min ${rest} s` : `${minutes} min`;
  return `${rest} s`;
}

/** Seconds between two of the server's times. */
export function secondsBetween(earlier, later) {
  return (Date.parse(later) - Date.parse(earlier)) / 1000;
}

/** One of the server's times, as the reader's clock shows it. */
export function clock(moment) {
  return new Date(moment).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
