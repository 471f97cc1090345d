/** Draws comparisons as SVG: a pair of bars for each rate, ours and the peer's. */
import type { Comparison } from './side-by-side.js';

const [width, left, right, rowHeight, barHeight] = [760, 330, 110, 52, 18] as const;

/** @returns an SVG document of the comparisons that are rates, each pair with its own peer; the scale is common */
export function plot(comparisons: readonly Comparison[]): string {
  const rates = comparisons.filter(({ unit }) => unit === 'messages/s');
  const most = Math.max(1, ...rates.flatMap(({ ours, peerValue }) => [ours, peerValue]));
  const height = rates.length * rowHeight + 20;
  const rows = rates.map((rate, index) => {
    const top = 10 + index * rowHeight;
    return [
      text(left - 10, top + 14, escaped(rate.name), 'end'),
      text(left - 10, top + 14 + barHeight, escaped(rate.peer), 'end', '#666'),
      bar(top, (rate.ours / most) * (width - left - right), '#1f6feb', rate.ours),
      bar(top + barHeight, (rate.peerValue / most) * (width - left - right), '#b0b7c0', rate.peerValue),
    ].join('\n');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="12">
<title>Messages a second: ours (blue) and the peer (grey)</title>
<rect width="100%" height="100%" fill="#fff"/>
${rows.join('\n')}
</svg>
`;
}

function bar(top: number, length: number, fill: string, value: number): string {
  return `<rect x="${left}" y="${top + 2}" width="${length.toFixed(1)}" height="${barHeight - 3}" fill="${fill}"/>
${text(left + length + 6, top + 14, `${Math.round(value).toLocaleString('en')}/s`, 'start')}`;
}

function text(x: number, y: number, content: string, anchor: 'start' | 'end', fill = '#111'): string {
  return `<text x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}" fill="${fill}">${content}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
