import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

let isFirst = true;

/**
 * One page: names itself to the browser, and takes the focus when one has come to it by a link, so that keyboard and
 * screen reader go on at its beginning.
 */
export function Page(props: {
  title: string;
  /** What stands beside the heading: a mark, or links. */
  beside?: ComponentChildren;
  /** One or two sentences below the heading. */
  lead?: ComponentChildren;
  children: ComponentChildren;
}): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${props.title} – Integration Hub`;
  }, [props.title]);
  useEffect(() => {
    if (!isFirst) {
      window.scrollTo(0, 0);
      heading.current?.focus({ preventScroll: true });
    }
    isFirst = false;
  }, []);
  return (
    <>
      <div class="page-head">
        <h1 tabIndex={-1} ref={heading}>
          {props.title}
        </h1>
        {props.beside}
      </div>
      {props.lead !== undefined && <p class="lead">{props.lead}</p>}
      {props.children}
    </>
  );
}

/** A part of a page under a heading of its own. */
export function Section(props: {
  title: string;
  beside?: ComponentChildren;
  children: ComponentChildren;
  class?: string;
}): JSX.Element {
  return (
    <section class={props.class === undefined ? 'card' : `card ${props.class}`}>
      <div class="section-head">
        <h2>{props.title}</h2>
        {props.beside}
      </div>
      {props.children}
    </section>
  );
}
