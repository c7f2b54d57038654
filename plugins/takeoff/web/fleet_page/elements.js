/** The few elements that the page is made of: Airflow's Chakra components and router links. */
const { createElement } = globalThis.React;
const Chakra = globalThis.ChakraUI;
const Router = globalThis.ReactRouterDOM;

export const h = createElement;
export const { Badge, Box, Flex, Heading, HStack, Progress, Spinner, Stack, Table, Text } = Chakra;

export function Alert({ status, children }) {
  return h(
    Chakra.Alert.Root,
    { status, size: "sm" },
    h(Chakra.Alert.Indicator),
    h(Chakra.Alert.Content, null, h(Text, { whiteSpace: "pre-wrap", overflowWrap: "anywhere" }, children)),
  );
}

/** A link inside Airflow. */
export function Link({ to, children }) {
  return h(Chakra.Link, { asChild: true, color: "fg.info" }, h(Router.Link, { to }, children));
}

/** A version: letters of one width, never broken in the middle. */
export function Version({ children }) {
  return h(Text, { as: "span", fontFamily: "mono", whiteSpace: "nowrap" }, children || "unknown");
}

/** Small, quiet text beside what counts. */
export function Aside({ children, ...more }) {
  return h(Text, { as: "span", color: "fg.muted", fontSize: "sm", ...more }, children);
}
