import type { Context } from './context.js';

/**
 * Parts `first` to `last` of a text, with the separators between them and none behind the last that is not empty.
 * Sets `context.reached` to the number of that one.
 */
export function sliceParts(
  context: Context,
  text: string,
  separator: string | undefined,
  first: number,
  last: number,
): string {
  if (separator === undefined) {
    context.reached = 1;
    return first === 1 ? text : '';
  }
  let start = 0;
  for (let passed = 1; passed < first; passed++) {
    const end = text.indexOf(separator, start);
    if (end === -1) return '';
    start = end + 1;
  }
  let reached = first;
  let end = text.indexOf(separator, start);
  for (; end !== -1 && reached < last; reached++) end = text.indexOf(separator, end + 1);
  return withoutTrailing(context, text.slice(start, end === -1 ? text.length : end), separator, reached);
}

/** A text that ends with part `reached`, without separators at its end. */
export function withoutTrailing(context: Context, text: string, separator: string, reached: number): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === separator) end--;
  context.reached = reached - (text.length - end);
  return end === text.length ? text : text.slice(0, end);
}
