/**
 * Framing, messages and acknowledgements by themselves (`@integration-hub/hl7/messages`): a process that neither maps
 * nor validates need not load the rest, libxml2 above all.
 */
export * from './mllp/connection.js';
export * from './mllp/frame-decoder.js';
export * from './mllp/mllp-error.js';
export { type ClientTls, type TlsFailure, tlsFailure, tlsFailureText, type TlsVersion } from './mllp/tls.js';
export { type Charset, findCharset } from './message/charset.js';
export { type DraftSegment, MessageDraft } from './message/draft.js';
export { escapeText } from './message/escape.js';
export * from './message/message-error.js';
export * from './message/message.js';
export * from './message/path.js';
export * from './message/segment.js';
export * from './message/segment-occurrences.js';
export type { Separators } from './message/separators.js';
export * from './acknowledgement.js';
