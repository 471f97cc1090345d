import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import { clock } from '../language/numbers-and-times.js';

export interface ChartLine {
  readonly name: string;
  /** A custom property of the stylesheet. */
  readonly colour: '--line-1' | '--line-2' | '--line-3';
  /** Lines differ by their strokes too, for those who don't tell the colours apart. */
  readonly dash?: readonly number[];
  /** null: not known in that minute; the line has a gap. */
  readonly values: readonly (number | null)[];
}

const HEIGHT = 220;

/**
 * Lines over time. It is a picture: whoever uses it shows the same figures as a table, too.
 *
 * @param times seconds since 1970
 * @param written how a value is written at the axis
 */
export function Chart(props: {
  label: string;
  times: readonly number[];
  lines: readonly ChartLine[];
  written: (value: number) => string;
}): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot>();
  const data: UPlot.AlignedData = [
    [...props.times],
    ...props.lines.map(({ values }): (number | null)[] => [...values]),
  ];
  const names = props.lines.map(({ name }) => name).join();

  useEffect(() => {
    const element = place.current!;
    const draw = (): void => {
      plot.current?.destroy();
      plot.current = new UPlot(options(element, props), data, element);
    };
    draw();
    const size = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    size.observe(element);
    // A canvas does not follow the stylesheet's colours by itself.
    const theme = new MutationObserver(draw);
    theme.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', draw);
    return () => {
      size.disconnect();
      theme.disconnect();
      dark.removeEventListener('change', draw);
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [names]);
  useEffect(() => plot.current?.setData(data));
  return (
    <figure class="chart">
      <figcaption>
        {props.lines.map(({ name, colour, dash }) => (
          <span key={name} class="legend">
            <svg viewBox="0 0 24 4" width="24" height="4" aria-hidden="true" class={colour.slice(2)}>
              <line x1="0" y1="2" x2="24" y2="2" stroke-width="3" stroke-dasharray={dash?.join(' ')} />
            </svg>
            {name}
          </span>
        ))}
      </figcaption>
      <div ref={place} role="img" aria-label={props.label} />
    </figure>
  );
}

function options(
  element: HTMLElement,
  { lines, written }: { lines: readonly ChartLine[]; written: (value: number) => string },
): UPlot.Options {
  const style = getComputedStyle(element);
  // A canvas knows neither custom properties nor light-dark(): only the element's own colour comes worked out.
  const colour = (name: string): string => {
    element.style.color = `var(${name})`;
    const { color } = style;
    element.style.color = '';
    return color;
  };
  const font = `12px ${style.fontFamily}`;
  const axis = {
    stroke: colour('--ink-soft'),
    font,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    scales: { y: { range: (_plot, _least, most) => [0, Math.max(1, most * 1.1)] } },
    series: [
      {},
      ...lines.map(({ name, colour: line, dash, values }) => ({
        label: name,
        stroke: colour(line),
        width: 2,
        ...(dash !== undefined && { dash: [...dash] }),
        // A single minute is no line yet.
        points: { show: values.filter((value) => value !== null).length < 3 },
      })),
    ],
    axes: [
      {
        ...axis,
        space: 70,
        values: (_plot, ticks) => ticks.map((at) => clock(new Date(at * 1000)).slice(0, 5)),
      },
      { ...axis, size: 64, values: (_plot, ticks) => ticks.map(written) },
    ],
  };
}
