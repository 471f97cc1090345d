import type { ComponentChildren, JSX } from 'preact';

/** Figures side by side. */
export function Figures({ label, children }: { label: string; children: ComponentChildren }): JSX.Element {
  return (
    <section aria-label={label}>
      <dl class="figures">{children}</dl>
    </section>
  );
}

/** A figure with its name. */
export function Figure(props: {
  name: string;
  children: ComponentChildren;
  kind?: 'warning' | 'bad' | undefined;
}): JSX.Element {
  return (
    <div class={props.kind === undefined ? 'figure' : `figure ${props.kind}`}>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}
