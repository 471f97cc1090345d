/** Valid PHW messages of other sizes than the sample's. */

/** The least that the PHW schema asks for. */
const least = [
  'MSH|^~\\&|252|252|100|100|2026-03-04 09:15:27||ADT^A31^ADT_A05|20260304091527000001|P|2.5|||||GBR||EN',
  'EVN||20260304091500|20260304091527|||20260304091527',
  'PID|||1002003^^^252^PI||PRITCHARD^Sian^Mair^^MRS||19840229|F',
  'PV1||N',
];
const relative = (number: number): string =>
  `NK1|${number}|PRITCHARD^Ifan|HUS^Husband|12 HEOL Y BRYN^^BANGOR^^LL57 4PG|01248900111`;

/** @returns a message of so many bytes or up to a next of kin less; at least 220 */
export function sizedMessage(bytes: number): Buffer {
  const segments = [...least];
  let size = least.reduce((sum, segment) => sum + segment.length + 1, 0);
  for (let number = 1; ; number += 1) {
    const next = relative(number);
    size += next.length + 1;
    if (size > bytes) break;
    segments.splice(-1, 0, next);
  }
  return Buffer.from(`${segments.join('\r')}\r`);
}
