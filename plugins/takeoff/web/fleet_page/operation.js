/** An operation: what it does, for whom, and its tasks in the order of the procedure. */
import { clock, duration, secondsBetween } from "./durations.js";
import { Aside, Badge, Flex, h, HStack, Link, Stack, Text, Version } from "./elements.js";

const PALETTES = { finished: "success", started: "running", failed: "failed", waiting: "gray" };

export function OperationPart({ operation, now }) {
  const open = operation.outcome === null;
  const { tasks } = operation;
  const done = tasks.filter((task) => task.state === "finished").length;
  const ended = open
    ? `open for ${duration(secondsBetween(operation.opened_at, now))}`
    : `${operation.outcome.replaceAll("_", " ")} ${duration(secondsBetween(operation.closed_at, now))} ago`;
  return h(
    Stack,
    { gap: 2 },
    h(
      HStack,
      { gap: 2, wrap: "wrap", align: "baseline", fontSize: "sm", title: `since ${clock(operation.opened_at)}` },
      h(Text, { as: "span", fontWeight: "medium" }, operation.id),
      h(Text, { as: "span" }, `${operation.kind.replaceAll("_", "-")} of `, h(Version, null, operation.version)),
      h(Aside, null, `${ended}, by ${operation.requested_by}${operation.reason ? `: ${operation.reason}` : ""}`),
      open && tasks.length > 0 && h(Aside, null, `${done} of ${tasks.length} tasks done`),
      h(Run, { url: operation.run_url }),
    ),
    open && h(Flex, { wrap: "wrap", gap: 1 }, ...tasks.map((task) => h(Task, { key: task.task, task, now }))),
  );
}

function Task({ task, now }) {
  const running = task.state === "started";
  const lasting = running && task.at ? ` ${duration(secondsBetween(task.at, now))}` : "";
  const title = [`${task.task}: ${task.state}`, task.text].filter(Boolean).join("\n");
  const variant = task.state === "waiting" ? "outline" : "solid";
  return h(Badge, { colorPalette: PALETTES[task.state] ?? "gray", variant, title }, task.task + lasting);
}

/** The link to the run, inside Airflow if it is this Airflow's. */
function Run({ url }) {
  if (!url) return h(Aside, null, "from the command line");
  const path = new URL(url, document.baseURI).pathname;
  const base = new URL(document.baseURI).pathname;
  return h(Link, { to: path.startsWith(base) ? `/${path.slice(base.length)}` : path }, "look at the run");
}
