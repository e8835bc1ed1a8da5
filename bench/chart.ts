import { BarChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkLineComponent, TitleComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

use([BarChart, GridComponent, LegendComponent, MarkLineComponent, TitleComponent, SVGRenderer]);

/** A picture with a bar of each series in each row. */
export interface Chart {
  /** Ends the file's name: `performance-<name>.svg`. */
  name: string;
  title: string;
  /** What the bars' lengths mean. */
  axis: string;
  rows: readonly string[];
  /** In the order of the rows; null where there is no figure. */
  series: readonly { name: string; values: readonly (number | null)[]; labels: readonly string[] }[];
  /** Where the line of whom is compared with is, and what it says; the axis is then one of ratios. */
  line?: { at: number; text: string };
}

/** Colours that differ in lightness too, and are legible on the dark and the light ground. */
const colours: Record<string, { light: string; dark: string }> = {
  lovage: { light: "#1a7f37", dark: "#3fb950" },
  bullmq: { light: "#6e7781", dark: "#8b949e" },
  celery: { light: "#9a6700", dark: "#d29922" },
  asynq: { light: "#0969da", dark: "#58a6ff" },
};
/** Of what is no peer, in the order of the series. */
const others = [
  { light: "#8250df", dark: "#bc8cff" },
  { light: "#bf3989", dark: "#f778ba" },
];
const text = { light: "#1f2328", dark: "#e6edf3" };
const quiet = { light: "#59636e", dark: "#9198a1" };
const rule = { light: "#d1d9e0", dark: "#3d444d" };
const ground = { light: "#ffffff", dark: "#0d1117" };

const width = 860;
const rowHeight = 26;
/** Room above for the title and the legend, and below for the axis. */
const head = 84;
const foot = 56;

/** A chart as the text of an SVG file, the same text for the same chart; light or dark as the reader's screen is. */
export function renderChart(chart: Chart): string {
  const { rows, series, line } = chart;
  const height = head + foot + rows.length * (series.length * rowHeight * 0.72 + 14);
  const instance = init(null, null, { renderer: "svg", ssr: true, width, height });
  const font = { fontFamily: "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" };
  const values = series.flatMap((each) => each.values).filter((value) => value !== null);
  instance.setOption({
    animation: false,
    backgroundColor: ground.light,
    textStyle: font,
    title: {
      text: chart.title,
      left: 16,
      top: 12,
      textStyle: { color: text.light, fontSize: 16, fontWeight: 600, ...font },
    },
    // The library guesses the texts' widths, too small for many a font.
    legend: { left: 12, top: 42, itemHeight: 12, itemGap: 30, textStyle: { color: text.light, ...font } },
    grid: { left: 245, right: 130, top: head, bottom: foot },
    xAxis: {
      ...(line === undefined ? { type: "value" } : ratioAxis(values)),
      name: chart.axis,
      nameLocation: "middle",
      nameGap: 28,
      nameTextStyle: { color: quiet.light, ...font },
      axisLabel: { color: quiet.light, ...font, formatter: (value: number) => value.toLocaleString("en-US") },
      splitLine: { lineStyle: { color: rule.light } },
    },
    yAxis: {
      type: "category",
      data: [...rows],
      inverse: true,
      axisTick: { show: false },
      axisLine: { lineStyle: { color: rule.light } },
      axisLabel: { color: text.light, width: 190, overflow: "break", ...font },
    },
    series: series.map(({ name, values: bars, labels }, index) => ({
      type: "bar",
      name,
      itemStyle: { color: (colours[name] ?? others[index % others.length])?.light },
      barMaxWidth: 16,
      data: [...bars],
      label: {
        show: true,
        position: "right",
        color: text.light,
        ...font,
        formatter: ({ dataIndex }: { dataIndex: number }) => labels[dataIndex] ?? "",
      },
      ...(index === 0 &&
        line !== undefined && {
          markLine: {
            symbol: "none",
            silent: true,
            lineStyle: { color: text.light, type: "dashed", width: 1.5 },
            label: { formatter: line.text, color: text.light, position: "start", distance: 8, ...font },
            data: [{ xAxis: line.at }],
          },
        }),
    })),
  });
  const svg = instance.renderToSVGString();
  instance.dispose();
  return withDarkColours(svg);
}

/** Ratios that lie apart by factors of ten could not be read on an even scale; on the other one bars begin at 1. */
function ratioAxis(values: readonly number[]): { type: "log"; min: number } | { type: "value" } {
  const seen = values.filter((value) => value > 0);
  const least = Math.min(...seen);
  if (Math.max(...seen, 1) / Math.min(least, 1) < 8) return { type: "value" };
  return { type: "log", min: 10 ** Math.floor(Math.log10(least)) };
}

/** A style sheet beats the attributes that the library writes, so the same drawing has dark colours where the screen is dark. */
function withDarkColours(svg: string): string {
  const rules = [...Object.values(colours), ...others, text, quiet, rule, ground].flatMap(
    ({ light, dark }) => [`[fill="${light}"]{fill:${dark}}`, `[stroke="${light}"]{stroke:${dark}}`],
  );
  const style = `<style>@media (prefers-color-scheme:dark){${rules.join("")}}</style>`;
  // Names that the library counts up over all pictures of a process would make the text depend on the order.
  const stable = svg.replace(/zr\d+-/g, "zr-");
  return `${stable.replace(/(<svg[^>]*>)/, `$1\n${style}`)}\n`;
}
