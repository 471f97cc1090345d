/** What those who run the console need: the program to start. */
import { fileURLToPath } from 'node:url';

/** The program that runs the console: `node <consoleProgram> --config FILE`. */
export const consoleProgram = fileURLToPath(new URL('main.js', import.meta.url));
