/** One environment: its version, what is going on, what needs a person, its hosts. */
import { clock, duration, secondsBetween } from "./durations.js";
import { Alert, Aside, Badge, Box, Flex, h, Heading, HStack, Link, Stack, Text, Version } from "./elements.js";
import { HostGroups } from "./host_groups.js";
import { OperationPart } from "./operation.js";

export function EnvironmentCard({ one, now }) {
  const { status } = one;
  return h(
    Box,
    { borderWidth: 1, borderRadius: "md", p: 4, bg: "bg.panel", "data-testid": `environment-${one.environment}` },
    h(
      Stack,
      { gap: 3 },
      h(Title, { one }),
      status === null &&
        h(Text, null, "No task has run here yet. The first run of ", h(DeployDag, { one }), " fills this in."),
      ...warnings(one, now),
      status?.operation && h(OperationPart, { operation: status.operation, now }),
      one.groups.length > 0 && h(HostGroups, { groups: one.groups, target: one.target, now }),
      status && h(Footer, { one, now }),
    ),
  );
}

function Title({ one }) {
  const { status } = one;
  return h(
    Flex,
    { justify: "space-between", align: "baseline", wrap: "wrap", gap: 2 },
    h(
      HStack,
      { gap: 3, wrap: "wrap" },
      h(Heading, { size: "lg" }, one.environment),
      status && h(Text, { as: "span" }, status.package, " ", h(Version, null, status.deployed || "not adopted yet")),
      isOpen(status) && h(OperationBadge, { operation: status.operation }),
      status?.hold && h(Badge, { colorPalette: "orange" }, "paused"),
    ),
    status && h(Aside, { title: clock(status.looked_at) }, `as of ${duration(youngest(one))} ago`),
  );
}

function OperationBadge({ operation }) {
  const kind = operation.kind.replaceAll("_", "-");
  return failedTask(operation)
    ? h(Badge, { colorPalette: "failed", variant: "solid" }, `${kind} stopped`)
    : h(Badge, { colorPalette: "blue" }, `${kind} in progress`);
}

function DeployDag({ one }) {
  return h(Link, { to: `/dags/deploy_${one.environment}` }, `deploy_${one.environment}`);
}

/** What a person should know before anything else, worst first. */
function warnings(one, now) {
  const { status } = one;
  const found = [];
  const failed = isOpen(status) && failedTask(status.operation);
  if (failed) {
    const since = failed.at ? `, ${duration(secondsBetween(failed.at, now))} ago` : "";
    found.push(h(Alert, { key: "failed", status: "error" }, `Stopped at ${failed.task}${since}: ${failed.text}`));
  }
  if (one.silent) {
    const told = `Hosts are being moved, but whoever moves them has told nothing for ${duration(one.hosts_age_s)}`;
    const then = ": its worker may be gone. The task's next try goes on where it was.";
    found.push(h(Alert, { key: "silent", status: "warning" }, told + then));
  }
  if (status?.hold) found.push(h(Alert, { key: "hold", status: "warning" }, holdText(status.hold, now)));
  if (one.trouble) {
    const told = `Package sources cannot be asked since ${one.trouble.since}: ${one.trouble.error}`;
    found.push(h(Alert, { key: "trouble", status: "warning" }, told));
  }
  if (one.old && !one.silent) {
    const told = `This was written ${duration(one.age_s)} ago and may have changed since`;
    found.push(h(Alert, { key: "old", status: "warning" }, `${told}: only tasks of Airflow write it.`));
  }
  return found;
}

function holdText(hold, now) {
  const until = hold.until ? ` until ${clock(hold.until)}` : "";
  const lasting = duration(secondsBetween(hold.since, now));
  const too = hold.stops ? `, and ${hold.stops} stops too` : "";
  return `Automatic deploys are paused${until} by ${hold.by}, for ${lasting} now${too}: ${hold.reason}`;
}

function Footer({ one, now }) {
  const { status, last_deploy: last } = one;
  const open = isOpen(status);
  const lines = [];
  if (status.pending) {
    const { names, since } = status.pending;
    const many = names.length === 1 ? "migration is" : "migrations are";
    const told = `${names.length} post-deploy ${many} pending since ${clock(since)}`;
    const where = open ? null : [": ", h(Link, { key: "where", to: "/required_actions" }, "Required Actions")];
    lines.push(h(Text, { key: "pending", title: names.join("\n") }, told, where));
  }
  if (!open) lines.push(h(Text, { key: "next" }, `Next deploy: ${one.blocker || "nothing stands in its way"}`));
  if (last) {
    const took = duration(secondsBetween(last.opened_at, last.closed_at));
    const ago = duration(secondsBetween(last.closed_at, now));
    const told = h(
      Aside,
      { key: "last", title: clock(last.closed_at) },
      "Last deploy: ",
      h(Version, null, last.version),
      `, ${ago} ago, took ${took}`,
    );
    lines.push(told);
  }
  return h(Stack, { gap: 1, fontSize: "sm" }, ...lines);
}

/** Seconds since anything of the environment was written. */
function youngest(one) {
  return Math.min(one.age_s, one.hosts_age_s ?? Infinity);
}

function isOpen(status) {
  return Boolean(status?.operation) && status.operation.outcome === null;
}

function failedTask(operation) {
  return operation.tasks.find((task) => task.state === "failed");
}
