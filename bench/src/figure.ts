/** What was measured of ourselves, with no peer beside it. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}
