import { costTable, type Figures, limitTable, rateTable } from "./figures.ts";

/** The page with its tables made from the figures; each stands between two comments that name it. */
export function fill(page: string, figures: Figures): string {
  const { cpus, model, node, redis } = figures.machine;
  const tables = {
    costs: costTable(figures),
    limits: limitTable(figures),
    rates: rateTable(figures),
    machine: `Measured with ${figures.jobs.toLocaleString("en-GB")} jobs and ${figures.firings.toLocaleString("en-GB")} firings on ${cpus} CPUs (${model}), Node ${node}, ${redis}.`,
  };
  return Object.entries(tables).reduce(
    (text, [name, table]) =>
      text.replace(
        new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- end -->)`),
        (_all, start: string, end: string) => `${start}${table}\n${end}`,
      ),
    page,
  );
}
