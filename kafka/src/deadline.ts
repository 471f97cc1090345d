/**
 * Waits for work to be done, but no longer than so many milliseconds; the work itself is not stopped.
 *
 * @param why gives what has kept it from being done, where that is known
 * @throws Error where it takes longer; what `why` gives is its cause
 */
export async function withinDeadline<T>(
  milliseconds: number,
  work: Promise<T>,
  why: () => unknown = () => undefined,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${milliseconds} ms`, { cause: why() }));
    }, milliseconds);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
