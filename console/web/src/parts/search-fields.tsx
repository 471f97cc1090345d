/** By what messages are looked for. */
import type { JSX } from 'preact';
import type { MessageSearch } from '../api.js';
import { type TextKey, useLanguage } from '../language/language.js';
import { useLive } from '../live.js';

/** What stands in the form; '' is not asked for. Times as the browser's fields have them: local, without a zone. */
export interface Criteria {
  flow: string;
  from: string;
  to: string;
  type: string;
  controlId: string;
  correlationId: string;
  patient: string;
  outcome: string;
}

export const NOTHING_ASKED: Criteria = {
  flow: '',
  from: '',
  to: '',
  type: '',
  controlId: '',
  correlationId: '',
  patient: '',
  outcome: '',
};

const OUTCOMES: readonly [NonNullable<MessageSearch['outcome']>, TextKey][] = [
  ['delivered', 'outcomeDelivered'],
  ['waiting', 'outcomeWaiting'],
  ['failed', 'outcomeFailed'],
  ['dead-letter', 'outcomeDeadLetter'],
  ['dropped', 'outcomeDropped'],
  ['filtered', 'outcomeFiltered'],
  ['duplicate', 'outcomeDuplicate'],
];

const UUID = '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}';

/** Leaves out what is not asked for, and gives times with their zone. */
export function searchOf(criteria: Criteria): MessageSearch {
  const { from, to, ...texts } = criteria;
  const given = Object.entries(texts)
    .map(([name, text]) => [name, text.trim()] as const)
    .filter(([, text]) => text !== '');
  return {
    ...(Object.fromEntries(given) as MessageSearch),
    ...(from !== '' && { from: new Date(from).toISOString() }),
    ...(to !== '' && { to: new Date(to).toISOString() }),
  };
}

/** The fields of a form for all criteria; whoever uses them submits the form. */
export function SearchFields(props: {
  criteria: Criteria;
  onChange: (part: Partial<Criteria>) => void;
  withOutcome?: boolean;
}): JSX.Element {
  const { t } = useLanguage();
  const { overview } = useLive();
  const { criteria, onChange } = props;
  const flows = overview?.flows.map(({ name }) => name) ?? [];
  const flowNames = criteria.flow === '' || flows.includes(criteria.flow) ? flows : [criteria.flow, ...flows];
  return (
    <div class="form-grid">
      <TextField
        label={t('patient')}
        hint={t('patientHint')}
        value={criteria.patient}
        maxLength={250}
        onInput={(patient) => onChange({ patient })}
      />
      <TextField
        label={t('controlId')}
        value={criteria.controlId}
        maxLength={200}
        onInput={(controlId) => onChange({ controlId })}
      />
      <TextField
        label={t('messageType')}
        hint="ADT^A31"
        value={criteria.type}
        maxLength={200}
        onInput={(type) => onChange({ type })}
      />
      <label class="field">
        {t('flow')}
        <select value={criteria.flow} onChange={(event) => onChange({ flow: event.currentTarget.value })}>
          <option value="">{t('anyFlow')}</option>
          {flowNames.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      {props.withOutcome === true && (
        <label class="field">
          {t('outcome')}
          <select
            value={criteria.outcome}
            onChange={(event) => onChange({ outcome: event.currentTarget.value })}
          >
            <option value="">{t('anyOutcome')}</option>
            {OUTCOMES.map(([value, key]) => (
              <option key={value} value={value}>
                {t(key)}
              </option>
            ))}
          </select>
        </label>
      )}
      <label class="field">
        {t('from')}
        <input
          type="datetime-local"
          step="1"
          value={criteria.from}
          onInput={(event) => onChange({ from: event.currentTarget.value })}
        />
      </label>
      <label class="field">
        {t('until')}
        <input
          type="datetime-local"
          step="1"
          value={criteria.to}
          onInput={(event) => onChange({ to: event.currentTarget.value })}
        />
      </label>
      <TextField
        label={t('correlationId')}
        value={criteria.correlationId}
        maxLength={36}
        pattern={UUID}
        title={t('correlationIdWrong')}
        onInput={(correlationId) => onChange({ correlationId: correlationId.trim() })}
      />
    </div>
  );
}

function TextField(props: {
  label: string;
  hint?: string;
  value: string;
  maxLength: number;
  pattern?: string;
  title?: string;
  onInput: (value: string) => void;
}): JSX.Element {
  return (
    <label class="field">
      <span>
        {props.label} {props.hint !== undefined && <span class="hint">{props.hint}</span>}
      </span>
      <input
        type="text"
        value={props.value}
        maxLength={props.maxLength}
        pattern={props.pattern}
        title={props.title}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
    </label>
  );
}
