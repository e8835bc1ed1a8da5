/** Each method as one that waits for whose it is: that may not be there yet. */
export function through<Target extends object>(
  names: Readonly<Record<keyof Target, true>>,
  target: () => Promise<Target>,
): Target {
  type Method = (...given: unknown[]) => unknown;
  const methods = Object.keys(names).map((name) => [
    name,
    async (...given: unknown[]) => ((await target()) as Record<string, Method>)[name]?.(...given),
  ]);
  return Object.fromEntries(methods);
}
