/** What is in a message: its segments, with the fields' numbers and names. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Content, Field } from '../api.js';
import { type TextKey, useLanguage } from '../language/language.js';
import { Empty } from './states.js';

type Segment = Extract<Content, { segments: unknown }>['segments'][number];

/** What is to be another value than came, by path. */
export type Corrections = ReadonlyMap<string, string>;

export interface Correcting {
  readonly corrections: Corrections;
  /** @param value undefined takes the correction back */
  readonly onCorrect: (path: string, value: string | undefined) => void;
}

const WITHHELD: Readonly<Record<Extract<Content, { withheld: unknown }>['withheld'], TextKey>> = {
  Redacted: 'withheldRedacted',
  None: 'withheldNone',
  role: 'withheldRole',
  unreadable: 'withheldUnreadable',
};

/**
 * @param marked paths that differ elsewhere
 * @param correcting given where fields can be corrected
 */
export function ContentView(props: {
  content: Content;
  marked?: ReadonlySet<string>;
  correcting?: Correcting | undefined;
}): JSX.Element {
  const { t } = useLanguage();
  const { content, marked, correcting } = props;
  if ('withheld' in content) return <Empty title={t('withheld')}>{t(WITHHELD[content.withheld])}</Empty>;
  return (
    <div class="content">
      {content.segments.map((segment) => (
        <SegmentTable key={segment.path} segment={segment} marked={marked} correcting={correcting} />
      ))}
    </div>
  );
}

function SegmentTable(props: {
  segment: Segment;
  marked: ReadonlySet<string> | undefined;
  correcting: Correcting | undefined;
}): JSX.Element {
  const { t } = useLanguage();
  const { segment, marked, correcting } = props;
  return (
    <table class="segment">
      <caption>
        <strong>{segment.path}</strong> <span lang="en">{segment.name}</span>
      </caption>
      <thead class="hidden">
        <tr>
          <th scope="col">{t('field')}</th>
          <th scope="col">{t('value')}</th>
        </tr>
      </thead>
      <tbody>
        {segment.fields.map((field) => (
          <FieldRow
            key={field.path}
            field={field}
            isMarked={marked?.has(field.path) ?? false}
            correcting={correcting}
          />
        ))}
      </tbody>
    </table>
  );
}

function FieldRow(props: {
  field: Field;
  isMarked: boolean;
  correcting: Correcting | undefined;
}): JSX.Element {
  const { t } = useLanguage();
  const { field, isMarked, correcting } = props;
  const classes = [`depth-${field.depth}`];
  if (isMarked) classes.push('differs');
  if (correcting?.corrections.has(field.path) === true) classes.push('corrected');
  return (
    <tr class={classes.join(' ')}>
      <th scope="row">
        <code>{field.path}</code> <span lang="en">{field.name}</span>
        {isMarked && <span class="hidden">, {t('changed')}</span>}
      </th>
      <td>
        {correcting !== undefined && field.value !== undefined ? (
          <CorrectableValue field={field} correcting={correcting} />
        ) : (
          <FieldValue field={field} />
        )}
      </td>
    </tr>
  );
}

function FieldValue({ field }: { field: Field }): JSX.Element | null {
  const { t } = useLanguage();
  if (field.value === undefined) return null;
  if (field.value === null) return <em>{t('nullValue')}</em>;
  return (
    <>
      <span class="value">{field.value}</span>
      {field.meaning !== undefined && (
        <span class="meaning" lang="en">
          {' '}
          {field.meaning}
        </span>
      )}
    </>
  );
}

function CorrectableValue({ field, correcting }: { field: Field; correcting: Correcting }): JSX.Element {
  const { t } = useLanguage();
  const [draft, setDraft] = useState<string>();
  const button = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(false);
  useEffect(() => {
    // Whoever has finished goes on where they began.
    if (draft === undefined && wasOpen.current) button.current?.focus();
    wasOpen.current = draft !== undefined;
  }, [draft]);
  const corrected = correcting.corrections.get(field.path);
  if (draft !== undefined) {
    return (
      <form
        class="correction"
        method="post"
        autocomplete="off"
        onSubmit={(event) => {
          event.preventDefault();
          correcting.onCorrect(field.path, draft === (field.value ?? '') ? undefined : draft);
          setDraft(undefined);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape') setDraft(undefined);
        }}
      >
        <input
          type="text"
          aria-label={t('correction', { path: field.path })}
          value={draft}
          maxLength={10_000}
          autocomplete="off"
          spellcheck={false}
          ref={focusOnce}
          onInput={(event) => setDraft(event.currentTarget.value)}
        />
        <button type="submit">{t('keepChange')}</button>
        <button type="button" onClick={() => setDraft(undefined)}>
          {t('cancel')}
        </button>
      </form>
    );
  }
  return (
    <span class="correctable">
      {corrected === undefined ? (
        <FieldValue field={field} />
      ) : (
        <>
          <del>{field.value ?? t('nullValue')}</del>{' '}
          <ins>{corrected === '' ? <em>{t('emptyValue')}</em> : corrected}</ins>
        </>
      )}
      <span class="row-actions">
        {corrected !== undefined && (
          <button
            type="button"
            class="small"
            onClick={() => {
              correcting.onCorrect(field.path, undefined);
              button.current?.focus();
            }}
          >
            {t('undoChange')} <span class="hidden">{field.path}</span>
          </button>
        )}
        <button
          type="button"
          class="small"
          ref={button}
          aria-label={t('correctField', { path: field.path })}
          onClick={() => setDraft(corrected ?? field.value ?? '')}
        >
          {t('correct')}
        </button>
      </span>
    </span>
  );
}

/** Once, when the field appears, not at each keystroke. */
function focusOnce(input: HTMLInputElement | null): void {
  if (input !== null && input.dataset.focused === undefined) {
    input.dataset.focused = '';
    input.focus();
  }
}
