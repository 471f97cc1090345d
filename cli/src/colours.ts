/** Colours, for terminals only: picocolors would also colour what a CI job or a pipe is given. */
import pc from 'picocolors';

export type Colours = ReturnType<typeof pc.createColors>;

function coloursFor(stream: NodeJS.WriteStream): Colours {
  return pc.createColors((stream.isTTY as boolean | undefined) === true && pc.isColorSupported);
}

/** For the standard output. */
export const colours = coloursFor(process.stdout);
/** For the standard error output. */
export const errorColours = coloursFor(process.stderr);
