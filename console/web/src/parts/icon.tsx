import type { JSX } from 'preact';

/** Each shape says the same as its colour does, for those who don't see the colour. */
const SHAPES = {
  good: (
    <path d="M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm3.7 5.3-4.3 4.4a.8.8 0 0 1-1.15 0L4.3 8.75a.8.8 0 0 1 1.15-1.13l1.4 1.42 3.7-3.85a.8.8 0 0 1 1.15 1.11Z" />
  ),
  warning: (
    <path d="M6.9 1.7a1.27 1.27 0 0 1 2.2 0l6.1 10.9a1.25 1.25 0 0 1-1.1 1.9H1.9a1.25 1.25 0 0 1-1.1-1.9ZM8 5a.8.8 0 0 0-.8.8v3.4a.8.8 0 0 0 1.6 0V5.8A.8.8 0 0 0 8 5Zm0 5.9a.95.95 0 1 0 0 1.9.95.95 0 0 0 0-1.9Z" />
  ),
  bad: (
    <path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1Zm.75 3.7a.8.8 0 0 0-1.13 1.13L6.87 8l-2.15 2.15a.8.8 0 1 0 1.13 1.13L8 9.13l2.15 2.15a.8.8 0 1 0 1.13-1.13L9.13 8l2.15-2.15a.8.8 0 1 0-1.13-1.13L8 6.87Z" />
  ),
  unknown: (
    <path d="M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 9.9a.95.95 0 1 1 0 1.9.95.95 0 0 1 0-1.9ZM5.6 6.2C5.7 4.7 6.7 3.7 8.1 3.7c1.5 0 2.5.95 2.5 2.3 0 1-.5 1.6-1.2 2.1-.5.4-.6.55-.6 1a.8.8 0 0 1-1.6 0c0-1 .4-1.6 1.2-2.2.45-.35.6-.5.6-.9 0-.45-.35-.7-.9-.7s-.85.3-.9 1a.8.8 0 0 1-1.6-.1Z" />
  ),
  silent: <path d="M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1ZM4.5 7.2h7a.8.8 0 0 1 0 1.6h-7a.8.8 0 0 1 0-1.6Z" />,
} as const;

export type IconName = keyof typeof SHAPES;

/** A small shape beside a word that says the same; screen readers pass it over. */
export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg
      class={`icon ${name}`}
      viewBox="0 0 16 16"
      width="16"
      height="16"
      aria-hidden="true"
      fill="currentColor"
    >
      {SHAPES[name]}
    </svg>
  );
}
