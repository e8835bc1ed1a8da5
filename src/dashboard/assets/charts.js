// Draws the charts from /charts/data, and again whenever the live stream says that time went on.
import uPlot from "/assets/vendor/uplot.js";

const page = document.getElementById("charts");
const frames = [...page.querySelectorAll("[data-chart]")].map((frame) => ({
  frame,
  chart: JSON.parse(frame.dataset.chart),
  plot: undefined,
}));

/** Milliseconds between two looks at least: an hour's steps are minutes, a week's are two hours. */
const rest = { hour: 4000, day: 30_000, week: 60_000 }[page.dataset.span] ?? 4000;
const height = 200;
/** Between two lines of a chart: whole jobs, and times that people say. */
const decades = Array.from({ length: 9 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();
const increments = {
  jobs: decades,
  milliseconds: [
    ...decades.filter((milliseconds) => milliseconds < 10_000),
    ...[10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 172_800, 604_800].map(
      (s) => s * 1000,
    ),
  ],
};
let lastLook = 0;
let history;

async function refresh() {
  lastLook = Date.now();
  const response = await fetch(page.dataset.source, {
    // A page that refreshes itself is no use of the login.
    headers: { accept: "application/json", ...(history !== undefined && { "x-unattended": "1" }) },
  });
  if (!response.ok) return;
  history = await response.json();
  document.getElementById("no-history").hidden = !history.empty;
  for (const { id, value, note } of history.figures) {
    for (const [name, text] of [
      [id, value],
      [`${id}-note`, note],
    ]) {
      const figure = page.querySelector(`[data-figure="${name}"]`);
      if (figure !== null) figure.textContent = text;
    }
  }
  for (const entry of frames) {
    draw(entry);
    fillTable(entry);
  }
  page.dataset.drawn = new Date().toISOString();
}

function draw(entry) {
  const { frame, chart } = entry;
  const columns = columnsOf(chart);
  const data = [history.points.map(({ at }) => Date.parse(at) / 1000), ...layersOf(chart, columns)];
  if (entry.plot === undefined) {
    const target = frame.querySelector(".plot");
    entry.plot = new uPlot(optionsOf(entry, target.clientWidth), data, target);
  } else entry.plot.setData(data);
}

/** The figures of each series as they are. */
function columnsOf({ series }) {
  return series.map(({ path }) => {
    const [field, part] = path.split(".");
    return history.points.map((point) => (part === undefined ? point[field] : point[field][part]));
  });
}

/** What is drawn: in a stack the sums, the highest first, so that each lower one covers its part. */
function layersOf({ kind }, columns) {
  if (kind !== "stack") return columns;
  const sums = columns.map((_column, index) =>
    columns[0].map((_figure, at) => columns.slice(0, index + 1).reduce((sum, column) => sum + column[at], 0)),
  );
  return sums.toReversed();
}

function optionsOf({ frame, chart }, width) {
  const { kind, unit, series } = chart;
  const ink = getComputedStyle(frame).color;
  const faint = getComputedStyle(frame.querySelector("figcaption p")).color;
  const grid = { stroke: `color-mix(in srgb, ${ink} 12%, transparent)`, width: 1 };
  const format = (value) => (unit === "jobs" ? formatCount(value) : formatTime(value));
  const drawn = series.map(({ name }, index) => {
    const colour = getComputedStyle(frame.querySelectorAll(".swatch")[index]).backgroundColor;
    return kind === "stack"
      ? {
          label: name,
          fill: colour,
          stroke: colour,
          width: 0,
          paths: uPlot.paths.bars({ size: [0.8, 40] }),
          points: { show: false },
        }
      : {
          label: name,
          stroke: colour,
          width: 2,
          spanGaps: false,
          points: { show: true, size: 5, fill: colour },
        };
  });
  return {
    width,
    height,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { show: false } },
    scales: { y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [
      { stroke: faint, grid: { show: false }, ticks: grid, values: timeTexts, space: 70 },
      {
        stroke: faint,
        grid,
        ticks: { show: false },
        size: 62,
        incrs: increments[unit],
        values: (_plot, values) => values.map(format),
      },
    ],
    series: [{}, ...(kind === "stack" ? drawn.toReversed() : drawn)],
  };
}

function timeTexts(_plot, seconds) {
  const dated = page.dataset.span === "week";
  const style = dated
    ? { month: "short", day: "numeric" }
    : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return seconds.map((second) => new Date(second * 1000).toLocaleString(undefined, style));
}

function formatCount(value) {
  return Number.isInteger(value) ? value.toLocaleString("en-US") : "";
}

function formatTime(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${Number((milliseconds / 1000).toFixed(1))} s`;
  if (milliseconds < 3_600_000) return `${Number((milliseconds / 60_000).toFixed(1))} min`;
  return `${Number((milliseconds / 3_600_000).toFixed(1))} h`;
}

/** The steps in which something was, the newest first. */
function fillTable({ frame, chart }) {
  const columns = columnsOf(chart);
  const format = chart.unit === "jobs" ? formatCount : formatTime;
  const rows = history.points.flatMap(({ at }, index) => {
    const figures = columns.map((column) => column[index]);
    if (figures.every((figure) => figure === null || figure === 0)) return [];
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = new Date(at).toLocaleString();
    row.append(head);
    for (const figure of figures) row.insertCell().textContent = figure === null ? "–" : format(figure);
    return [row];
  });
  const body = frame.querySelector("tbody");
  if (rows.length > 0) body.replaceChildren(...rows.toReversed());
  else {
    const cell = document.createElement("td");
    cell.colSpan = columns.length + 1;
    cell.textContent = "nothing";
    const row = document.createElement("tr");
    row.append(cell);
    body.replaceChildren(row);
  }
}

function redraw() {
  if (history === undefined) return;
  for (const entry of frames) {
    entry.plot?.destroy();
    entry.plot = undefined;
    draw(entry);
  }
}

page.addEventListener("sse:workers", () => {
  if (!document.hidden && Date.now() - lastLook >= rest) void refresh().catch(() => {});
});
new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
new ResizeObserver(() => {
  for (const { plot, frame } of frames)
    plot?.setSize({ width: frame.querySelector(".plot").clientWidth, height });
}).observe(page);
await refresh();
