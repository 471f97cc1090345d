/** What processes take of a Linux machine. */
import { readdirSync, readFileSync } from 'node:fs';

/** Resident memory, in MiB. */
export function residentMb(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1];
  return Number(kib) / 1024;
}

/** Resident memory in MiB, of which what several processes share is counted only by its part. */
export function proportionalMb(pid: number): number {
  const kib = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))![1];
  return Number(kib) / 1024;
}

/** Time on a processor so far, in seconds. */
export function cpuSeconds(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const { user, system } = timesOf(pid);
    return user + system;
  });
  return ticks.reduce((sum, one) => sum + one, 0) / 100;
}

/** The same of a server with a process for each connection: those that have ended count too. */
export function familyCpuSeconds(pid: number): number {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((one) => parentOf(one) === pid);
  const { ended } = timesOf(pid);
  return cpuSeconds([pid, ...children]) + ended / 100;
}

/** undefined where it has ended meanwhile. */
function parentOf(pid: number): number | undefined {
  try {
    return timesOf(pid).parent;
  } catch {
    return undefined;
  }
}

/** Times in hundredths of a second; `ended`: of children that have ended. */
function timesOf(pid: number): { parent: number; user: number; system: number; ended: number } {
  // Behind the name, which may hold anything; proc(5) has what stands where.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ').map(Number);
  return { parent: fields[1]!, user: fields[11]!, system: fields[12]!, ended: fields[13]! + fields[14]! };
}
