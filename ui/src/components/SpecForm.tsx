import { ActionButton, Content, Disclosure, DisclosurePanel, DisclosureTitle, Heading, InlineAlert, NumberField, Picker, PickerItem, Switch, TextArea, TextField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { type RefObject, useState } from 'react';
import { t } from '../messages/common';
import { type FieldErrors, isAdvanced, type JsonSchema, kindOf, type Values } from './spec/schema';
import { Verbatim } from './Verbatim';

interface Props {
  readonly schema: JsonSchema;
  readonly values: Values;
  readonly onChange: (values: Values) => void;
  /** By JSON pointer; of `validate`, and of a server's error by `fieldOf`. */
  readonly errors?: FieldErrors;
  /** Pointers of secrets that the server has: they show "set – Replace" and may be left out. */
  readonly kept?: ReadonlySet<string>;
  /** Takes the focus when a form was refused: `summary.current?.focus()`. */
  readonly summary?: RefObject<HTMLDivElement | null>;
  readonly isDisabled?: boolean;
}

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, maxWidth: 640 });
const group = style({ display: 'flex', flexDirection: 'column', rowGap: 16, borderWidth: 0, padding: 0, margin: 0 });
const legend = style({ font: 'title-sm', padding: 0 });
const full = style({ width: 'full' });
const note = style({ font: 'ui-sm', color: 'neutral-subdued' });
const line = style({ display: 'flex', alignItems: 'center', columnGap: 8, font: 'ui' });

/** The form of a JSON Schema: no code per source. The values hold the secrets only as long as the page holds the form. */
export function SpecForm({ schema, values, onChange, errors = {}, kept = new Set(), summary, isDisabled = false }: Props) {
  const wrong = Object.entries(errors);
  return (
    <div className={column}>
      <div ref={summary} tabIndex={-1}>
        {wrong.length > 0 && (
          <InlineAlert variant="negative">
            <Heading>{t('formProblems', { count: wrong.length })}</Heading>
            <Content>{wrong.map(([at, text]) => <div key={at}>{titleAt(schema, at)}: <Verbatim>{text}</Verbatim></div>)}</Content>
          </InlineAlert>
        )}
      </div>
      <Fields of={schema} at="" values={values} onChange={onChange} shared={{ errors, kept, isDisabled }} />
    </div>
  );
}

function titleAt(schema: JsonSchema, at: string): string {
  let one: JsonSchema | undefined = schema;
  for (const name of at.split('/').slice(1)) one = one?.properties?.[name];
  return one?.title ?? at.split('/').at(-1) ?? at;
}

interface Shared {
  readonly errors: FieldErrors;
  readonly kept: ReadonlySet<string>;
  readonly isDisabled: boolean;
}

interface FieldsProps {
  readonly of: JsonSchema;
  readonly at: string;
  readonly values: Values;
  readonly onChange: (values: Values) => void;
  readonly shared: Shared;
}

function Fields({ of, at, values, onChange, shared }: FieldsProps) {
  const required = of.required ?? [];
  const all = Object.entries(of.properties ?? {})
    .filter(([, one]) => one.uiAttributes?.hidden !== true)
    .sort(([, a], [, b]) => (a.uiAttributes?.order ?? 0) - (b.uiAttributes?.order ?? 0));
  const field = ([name, one]: readonly [string, JsonSchema]) => (
    <Field
      key={name}
      name={name}
      schema={one}
      at={`${at}/${name}`}
      isRequired={required.includes(name)}
      value={values[name]}
      onChange={(value) => {
        const others = Object.entries(values).filter(([other]) => other !== name);
        onChange(Object.fromEntries(value === undefined || value === '' ? others : [...others, [name, value]]));
      }}
      shared={shared}
    />
  );
  const advanced = all.filter(([name, one]) => isAdvanced(name, one, required));
  const hasError = advanced.some(([name]) => Object.keys(shared.errors).some((e) => e.startsWith(`${at}/${name}`)));
  return (
    <>
      {all.filter((one) => !advanced.includes(one)).map(field)}
      {advanced.length > 0 && (
        // A fold with an error in it opens: an error that cannot be seen cannot be mended.
        <Disclosure key={String(hasError)} isQuiet defaultExpanded={hasError}>
          <DisclosureTitle>{t('advanced')}</DisclosureTitle>
          <DisclosurePanel><div className={group}>{advanced.map(field)}</div></DisclosurePanel>
        </Disclosure>
      )}
    </>
  );
}

interface FieldProps {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly at: string;
  readonly isRequired: boolean;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
  readonly shared: Shared;
}

function Field({ name, schema, at, isRequired, value, onChange, shared }: FieldProps) {
  const error = shared.errors[at];
  const example = schema.examples?.[0];
  const base = {
    label: schema.title ?? name,
    isRequired,
    isDisabled: shared.isDisabled,
    isInvalid: error !== undefined,
    ...(error !== undefined && { errorMessage: error }),
    ...((schema.description !== undefined || example !== undefined) && {
      description: [schema.description, example !== undefined && String(example)].filter(Boolean).join(' '),
    }),
    styles: full,
  };
  const text = value === undefined ? '' : String(value);
  switch (kindOf(schema)) {
    case 'object':
      return (
        <fieldset className={group}>
          <legend className={legend}>{base.label}</legend>
          {schema.description !== undefined && <span className={note}>{schema.description}</span>}
          <Fields of={schema} at={at} values={(value ?? {}) as Values} shared={shared}
            onChange={(inner) => onChange(Object.keys(inner).length > 0 ? inner : undefined)} />
        </fieldset>
      );
    case 'boolean':
      return (
        <div>
          <Switch isSelected={value === true} onChange={onChange} isDisabled={shared.isDisabled}>{base.label}</Switch>
          <div className={note}>{error ?? schema.description}</div>
        </div>
      );
    case 'enum':
      return (
        <Picker {...base} placeholder={t('choose')} value={text === '' ? null : text}
          onChange={(chosen) => onChange(schema.enum?.find((one) => String(one) === chosen))}>
          {(schema.enum ?? []).map((one) => <PickerItem key={String(one)} id={String(one)}>{String(one)}</PickerItem>)}
        </Picker>
      );
    case 'number':
      return <NumberField {...base} value={typeof value === 'number' ? value : NaN} onChange={(n) => onChange(Number.isNaN(n) ? undefined : n)} />;
    case 'secret':
      return <Secret base={base} isKept={shared.kept.has(at)} value={text} onChange={onChange} />;
    case 'json':
      return <Json base={base} value={value} onChange={onChange} />;
    case 'text':
      return <TextField {...base} value={text} onChange={onChange} autoComplete="off" />;
  }
}

type Base = Readonly<Record<string, unknown>> & { readonly label: string; readonly styles: typeof full };

/** Write-only: what the server has is never shown, nor anything of its length. */
function Secret({ base, isKept, value, onChange }: {
  readonly base: Base; readonly isKept: boolean; readonly value: string; readonly onChange: (value: unknown) => void;
}) {
  const [isReplacing, setReplacing] = useState(false);
  if (isKept && !isReplacing) {
    return (
      <div>
        <div className={note}>{base.label}</div>
        <div className={line}>
          {t('secretSet')}
          <ActionButton size="S" aria-label={`${t('secretReplace')}: ${base.label}`} onPress={() => setReplacing(true)}>{t('secretReplace')}</ActionButton>
        </div>
      </div>
    );
  }
  // A key in several lines (PEM) would lose them in a field of one.
  const isLong = value.includes('\n');
  return (
    <div
      onPaste={(event) => {
        const pasted = event.clipboardData.getData('text');
        if (!pasted.trim().includes('\n')) return;
        event.preventDefault();
        onChange(pasted);
      }}
    >
      {isLong
        ? <TextArea {...base} value={value} onChange={onChange} autoComplete="off" />
        : <TextField {...base} type="password" value={value} onChange={onChange} autoComplete="new-password" />}
      {isKept && (
        <ActionButton size="S" isQuiet onPress={() => { onChange(undefined); setReplacing(false); }}>{t('secretKeep')}</ActionButton>
      )}
    </div>
  );
}

/** What has no field of its own (lists, free objects) is written as JSON. */
function Json({ base, value, onChange }: { readonly base: Base; readonly value: unknown; readonly onChange: (value: unknown) => void }) {
  const [text, setText] = useState(value === undefined ? '' : JSON.stringify(value, null, 2));
  const [isBad, setBad] = useState(false);
  return (
    <TextArea
      {...base}
      label={`${base.label} (${t('json')})`}
      value={text}
      {...(isBad && { isInvalid: true, errorMessage: t('jsonInvalid') })}
      onChange={(next) => {
        setText(next);
        try {
          onChange(next.trim() === '' ? undefined : JSON.parse(next));
          setBad(false);
        } catch {
          setBad(true);
        }
      }}
    />
  );
}
