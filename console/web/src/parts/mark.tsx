import type { JSX } from 'preact';
import { Icon, type IconName } from './icon.js';

/** A state in a shape, a colour and a word. */
export function Mark({ kind, text }: { kind: IconName; text: string }): JSX.Element {
  return (
    <span class={`mark ${kind}`}>
      <Icon name={kind} />
      {text}
    </span>
  );
}
