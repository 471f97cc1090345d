import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { useLanguage } from '../language/language.js';

/**
 * Asks a person before something is done. The browser keeps the focus within, closes it at Escape, and gives the focus
 * back to the button that opened it.
 */
export function Dialog(props: {
  title: string;
  /** The button that does it. */
  action: string;
  isDangerous?: boolean;
  isWorking: boolean;
  onAction: () => void;
  onClose: () => void;
  children: ComponentChildren;
}): JSX.Element {
  const { t } = useLanguage();
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  useEffect(() => {
    const element = dialog.current!;
    element.showModal();
    return () => element.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={title}
      onCancel={(event) => {
        event.preventDefault();
        if (!props.isWorking) props.onClose();
      }}
    >
      <form
        method="post"
        autocomplete="off"
        onSubmit={(event) => {
          event.preventDefault();
          if (!props.isWorking) props.onAction();
        }}
      >
        <h2 id={title}>{props.title}</h2>
        {props.children}
        <div class="form-foot">
          <button type="button" disabled={props.isWorking} onClick={props.onClose}>
            {t('cancel')}
          </button>
          <button
            type="submit"
            class={props.isDangerous === true ? 'danger' : 'primary'}
            disabled={props.isWorking}
          >
            {props.isWorking ? t('working') : props.action}
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** Why something is done: required, and kept in the audit log. */
export function WhyField({
  value,
  onInput,
}: {
  value: string;
  onInput: (value: string) => void;
}): JSX.Element {
  const { t } = useLanguage();
  const hint = useId();
  return (
    <div class="field">
      <label>
        {t('why')}
        <textarea
          required
          minLength={3}
          maxLength={500}
          rows={2}
          value={value}
          aria-describedby={hint}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      </label>
      <p class="hint" id={hint}>
        {t('whyHint')}
      </p>
    </div>
  );
}
