/** Hosts by stage and role: counts for the many, a line for each that stands out, all of them on demand. */
import { clock, duration, secondsBetween } from "./durations.js";
import { Aside, Badge, Box, h, HStack, Progress, Stack, Table, Text, Version } from "./elements.js";

const PALETTES = {
  "in service": "success",
  changing: "running",
  drained: "running",
  failed: "failed",
  "left behind": "orange",
};

/** Up to so many hosts of a group are named in its row; more are folded away. */
const NAMED = 4;

export function HostGroups({ groups, target, now }) {
  return h(
    Table.Root,
    { size: "sm", variant: "line" },
    h(
      Table.Header,
      null,
      h(
        Table.Row,
        { bg: "transparent" },
        h(Table.ColumnHeader, { w: "11rem" }, "Stage and role"),
        h(Table.ColumnHeader, { w: "13rem" }, "On ", h(Version, null, target)),
        h(Table.ColumnHeader, { w: "16rem" }, "State"),
        h(Table.ColumnHeader, null, "Hosts"),
      ),
    ),
    h(Table.Body, null, ...groups.flatMap((group) => rows(group, target, now))),
  );
}

function rows(group, target, now) {
  const name = [group.stage, group.role].filter(Boolean).join(".");
  const total = group.hosts.length;
  const shown = new Set(group.differing);
  const summary = h(
    Table.Row,
    { key: name, bg: "transparent", verticalAlign: "top", "data-testid": `group-${name}` },
    h(Table.Cell, { fontWeight: "medium" }, name),
    h(
      Table.Cell,
      null,
      h(
        HStack,
        { gap: 2 },
        h(Bar, { done: group.on_target, total, all: group.differing.length === 0 }),
        h(Text, { whiteSpace: "nowrap" }, `${group.on_target} of ${total}`),
      ),
    ),
    h(
      Table.Cell,
      null,
      h(
        HStack,
        { wrap: "wrap", gap: 1 },
        ...Object.entries(group.states).map(([state, count]) => h(State, { key: state, state, count })),
      ),
    ),
    h(Table.Cell, null, h(Versions, { versions: group.versions, target }), h(AllHosts, { hosts: group.hosts, target })),
  );
  const differing = group.hosts.filter((host) => shown.has(host.host));
  return [summary, ...differing.map((host) => h(HostRow, { key: `${name}/${host.host}`, host, now }))];
}

function Bar({ done, total, all }) {
  return h(
    Progress.Root,
    {
      value: total ? (100 * done) / total : 0,
      w: "6rem",
      size: "sm",
      colorPalette: all && done === total ? "success" : "running",
    },
    h(Progress.Track, null, h(Progress.Range)),
  );
}

function State({ state, count }) {
  return h(
    Badge,
    { colorPalette: PALETTES[state] ?? "gray", variant: state === "in service" ? "subtle" : "solid" },
    count === undefined ? state : `${count} ${state}`,
  );
}

function Versions({ versions, target }) {
  const known = Object.entries(versions);
  if (known.length === 1 && known[0][0] === target) return null;
  return h(
    Stack,
    { gap: 0 },
    ...known.map(([version, count]) =>
      h(Text, { key: version, fontSize: "sm" }, `${count} × `, h(Version, null, version)),
    ),
  );
}

/** The hosts by name, with the version of those that have another; many are folded away: a fleet may have hundreds. */
function AllHosts({ hosts, target }) {
  if (hosts.length <= NAMED) return h(Aside, null, hosts.map((host) => host.host).join(", "));
  return h(
    Box,
    { as: "details", fontSize: "sm", color: "fg.muted" },
    h(Box, { as: "summary", cursor: "pointer" }, `all ${hosts.length}`),
    h(
      Box,
      { pt: 1, display: "grid", gridTemplateColumns: "repeat(auto-fill, minmax(9rem, 1fr))", columnGap: 4 },
      ...hosts.map((host) =>
        h(
          Text,
          { key: host.host, title: host.detail },
          host.host,
          host.version !== target && h(Box, { color: "fg" }, h(Version, null, host.version)),
        ),
      ),
    ),
  );
}

function HostRow({ host, now }) {
  return h(
    Table.Row,
    { bg: "bg.subtle", verticalAlign: "top", "data-testid": `host-${host.host}` },
    h(Table.Cell, { pl: 6 }, host.host),
    h(Table.Cell, null, h(Version, null, host.version)),
    h(Table.Cell, null, h(State, { state: host.state })),
    h(
      Table.Cell,
      null,
      h(Text, { as: "span" }, host.step),
      host.since && h(Aside, { title: clock(host.since) }, sinceText(host, now)),
      host.detail && h(Text, { fontSize: "sm", overflowWrap: "anywhere" }, host.detail),
    ),
  );
}

function sinceText(host, now) {
  const passed = duration(secondsBetween(host.since, now));
  return host.state === "failed" ? ` failed ${passed} ago` : ` for ${passed}`;
}
