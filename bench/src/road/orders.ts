/** A program of a benchmark, as it sees itself: the other side of `Program`. */

/**
 * Tells the parent that this process has started, answers each of its orders, and ends when the parent is gone.
 *
 * @param answer what an order's result is; what it throws or rejects with reaches the parent as an error's text
 */
export function answerOrders(answer: (order: never) => unknown): void {
  process.on('message', (order) => {
    new Promise((resolve) => resolve(answer(order as never))).then(
      (result) => process.send!({ result }),
      (error: unknown) => process.send!({ error: error instanceof Error ? error.message : String(error) }),
    );
  });
  process.once('disconnect', () => process.exit());
  process.send!({ result: 'started' });
}
