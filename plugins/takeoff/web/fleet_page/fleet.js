/**
 * The fleet page: what runs where, what is going on, which hosts stand out.
 *
 * Airflow imports this module as it is and renders the function in `globalThis.AirflowPlugin`; React, Chakra and the
 * router are Airflow's own, so the page has Airflow's look, light and dark.
 */
import { duration } from "./durations.js";
import { EnvironmentCard } from "./environment_card.js";
import { Alert, h, Heading, Link, Spinner, Stack, Text } from "./elements.js";

const { useEffect, useState } = globalThis.React;

const EVERY_MS = 4000;

/** What went wrong with a request, as a sentence for the reader. */
class Unread extends Error {}

async function readFleet() {
  let answer;
  try {
    answer = await fetch(new URL("takeoff/", document.baseURI), { headers: { Accept: "application/json" } });
  } catch {
    throw new Unread("Airflow's API server gives no answer.");
  }
  if (answer.status === 401) throw new Unread("Your login has ended: reload the page to log in again.");
  if (answer.status === 403) throw new Unread("You may read the deploy DAG of no environment; ask for that right.");
  if (!answer.ok) throw new Unread(`Airflow's API server answers ${answer.status}; its log says why.`);
  return answer.json();
}

/** Reads the fleet again and again while the page can be seen; what was read last stays when a read fails. */
function useFleet() {
  const [found, setFound] = useState({ fleet: null, readAt: null, error: "" });
  useEffect(() => {
    let over = false;
    let timer;
    const look = async () => {
      if (!document.hidden) {
        try {
          const fleet = await readFleet();
          if (!over) setFound({ fleet, readAt: Date.now(), error: "" });
        } catch (error) {
          const told = error instanceof Unread ? error.message : `The answer was not understood: ${error.message}`;
          if (!over) setFound((before) => ({ ...before, error: told }));
        }
      }
      if (!over) timer = setTimeout(look, EVERY_MS);
    };
    const seenAgain = () => {
      if (document.hidden) return;
      clearTimeout(timer);
      look();
    };
    look();
    document.addEventListener("visibilitychange", seenAgain);
    return () => {
      over = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seenAgain);
    };
  }, []);
  return found;
}

function Unreadable({ error, readAt }) {
  const shown = readAt === null ? "" : ` Shown is what was read ${duration((Date.now() - readAt) / 1000)} ago.`;
  return h(Alert, { status: "error" }, error + shown);
}

function Fleet() {
  const { fleet, readAt, error } = useFleet();
  if (fleet === null && !error) return h(Stack, { align: "center", p: 10 }, h(Spinner));
  const environments = fleet?.environments ?? [];
  return h(
    Stack,
    { gap: 4, p: 4, maxW: "1400px", mx: "auto", w: "100%", "data-testid": "takeoff-fleet" },
    h(Heading, { size: "xl" }, "Fleet"),
    error && h(Unreadable, { error, readAt }),
    fleet !== null &&
      environments.length === 0 &&
      h(
        Text,
        null,
        "No environment is set up: ",
        h(Link, { to: "/dags" }, "the DAGs"),
        " tell of files that are broken.",
      ),
    ...environments.map((one) => h(EnvironmentCard, { key: one.environment, one, now: fleet.now })),
  );
}

globalThis.AirflowPlugin = Fleet;
