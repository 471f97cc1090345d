#!/usr/bin/env node
import { workerProgram } from '../dist/program.js';

await import(workerProgram);
