import type { Message } from '../message/message.js';

/** Structures of messages whose trigger has none of its own (HL7 table 0354). */
const SHARED: Readonly<Record<string, string>> = {
  ADT_A04: 'ADT_A01',
  ADT_A08: 'ADT_A01',
  ADT_A13: 'ADT_A01',
  ADT_A14: 'ADT_A05',
  ADT_A28: 'ADT_A05',
  ADT_A31: 'ADT_A05',
  ADT_A07: 'ADT_A06',
  ADT_A10: 'ADT_A09',
  ADT_A11: 'ADT_A09',
  ADT_A22: 'ADT_A21',
  ADT_A23: 'ADT_A21',
  ADT_A40: 'ADT_A39',
  ADT_A41: 'ADT_A39',
  ADT_A42: 'ADT_A39',
};

/** The structure that a message has: MSH-9.3, else by MSH-9.1 and MSH-9.2; '' when these are empty as well. */
export function structureName(message: Message): string {
  const [code = '', trigger = '', structure = ''] = message
    .segments()[0]!
    .field(9)
    .split(message.separators.component);
  if (structure !== '') return structure;
  if (trigger === '') return code;
  const own = `${code}_${trigger}`;
  return SHARED[own] ?? own;
}
