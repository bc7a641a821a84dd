import { autocompletion, closeBrackets, closeCompletion, type CompletionContext, completionKeymap, completionStatus } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, StreamLanguage, syntaxHighlighting } from '@codemirror/language';
import { setDiagnostics } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { EditorView, keymap } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useEffect, useRef } from 'react';
import type { Column } from '../sources/explore';
import type { Fault } from './check';
import type { Func } from './functions';
import { written } from './model';

interface Props {
  readonly label: string;
  readonly value: string;
  readonly onChange: (text: string) => void;
  readonly columns: readonly Column[];
  readonly functions: readonly Func[];
  readonly fault: Fault | undefined;
}

const frame = style({
  borderWidth: 2, borderStyle: 'solid', borderColor: { default: 'gray-300', isInvalid: 'negative' }, borderRadius: 'default', minHeight: 72, font: 'code-sm',
  backgroundColor: 'base', overflow: 'hidden',
});

/** The language in so far as its parts are told apart by colour. */
const language = StreamLanguage.define<null>({
  startState: () => null,
  token: (stream) => {
    if (stream.eatSpace()) return null;
    if (stream.match(/^"(\\.|[^"\\])*"?|^'(\\.|[^'\\])*'?/)) return 'string';
    if (stream.match(/^\d+(\.\d+)?/)) return 'number';
    if (stream.match(/^\$\{[^}]*\}?/)) return 'variableName';
    if (stream.match(/^[A-Za-z_]\w*(?=\s*\()/)) return 'keyword';
    if (stream.match(/^(true|false|null|and|or|not|eq|ne|lt|le|gt|ge|div|mod)\b/)) return 'atom';
    if (stream.match(/^[A-Za-z_]\w*/)) return 'variableName';
    stream.next();
    return 'operator';
  },
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, class: style({ color: 'blue-900' }) },
  { tag: tags.string, class: style({ color: 'green-900' }) },
  { tag: tags.number, class: style({ color: 'purple-900' }) },
  { tag: tags.atom, class: style({ color: 'magenta-900' }) },
]);

const theme = EditorView.theme({
  '&': { fontSize: '14px', color: 'inherit' },
  '&.cm-focused': { outline: '2px solid Highlight', outlineOffset: '-2px' },
  '.cm-content': { minHeight: '64px', caretColor: 'currentColor' },
  '.cm-cursor': { borderLeftColor: 'currentColor' },
  '.cm-tooltip': { maxWidth: 'min(90vw, 480px)', background: 'Canvas', color: 'CanvasText' },
});

/**
 * Text typed over a selection. Left to itself, the browser keeps the colour of what it replaces as a style attribute,
 * which the content policy forbids.
 */
const replacing = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { main } = view.state.selection;
    const { data } = event;
    if (event.inputType !== 'insertText' || data === null || main.empty || view.composing) return false;
    event.preventDefault();
    const insert = () => view.state.update(view.state.replaceSelection(data), { userEvent: 'input.type', scrollIntoView: true });
    if (!view.state.facet(EditorView.inputHandler).some((handler) => handler(view, main.from, main.to, data, insert))) view.dispatch(insert());
    return true;
  },
});

/** The expression editor. It is loaded when the first rule is opened. */
export default function Expression({ label, value, onChange, columns, functions, fault }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const latest = useRef({ onChange, columns, functions });
  useEffect(() => {
    latest.current = { onChange, columns, functions };
  });
  const initial = useRef(value);
  useEffect(() => {
    if (place.current === null) return;
    const nonce = document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? '';
    const editor = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: initial.current,
        extensions: [
          EditorView.cspNonce.of(nonce),
          history(),
          bracketMatching(),
          closeBrackets(),
          language,
          syntaxHighlighting(colours),
          theme,
          EditorView.lineWrapping,
          replacing,
          // No key for indenting: Tab leaves the editor.
          keymap.of([...completionKeymap, ...historyKeymap, ...defaultKeymap]),
          autocompletion({ override: [(context) => complete(context, latest.current.columns, latest.current.functions)] }),
          EditorView.contentAttributes.of({ 'aria-label': label }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    // Escape closes the list first, and only then what the editor is in.
    const box = place.current;
    const escape = (event: KeyboardEvent) => {
      if (event.key !== 'Escape' || completionStatus(editor.state) === null) return;
      event.preventDefault();
      event.stopPropagation();
      closeCompletion(editor);
    };
    box.addEventListener('keydown', escape, true);
    return () => {
      box.removeEventListener('keydown', escape, true);
      editor.destroy();
    };
  }, [label]);
  useEffect(() => {
    const editor = view.current;
    if (editor === undefined || editor.state.doc.toString() === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);
  useEffect(() => {
    const editor = view.current;
    if (editor === undefined) return;
    const end = editor.state.doc.length;
    const span = fault?.span;
    const from = Math.min(Math.max(0, span?.start ?? 0), Math.max(0, end - 1));
    const marks = fault === undefined || fault.rows !== undefined ? [] : [{
      from, to: Math.min(end, Math.max(span?.end ?? end, from + 1)), severity: 'error' as const, message: fault.message,
    }];
    editor.dispatch(setDiagnostics(editor.state, marks));
  }, [fault, value]);
  return <div ref={place} className={frame({ isInvalid: fault !== undefined && fault.rows === undefined })} />;
}

function complete(context: CompletionContext, columns: readonly Column[], functions: readonly Func[]) {
  const word = context.matchBefore(/\$\{[^}]*|[\w.]*/);
  if (word === null || (word.from === word.to && !context.explicit)) return null;
  return {
    from: word.from,
    options: [
      ...columns.map((one) => ({ label: one.name, apply: written(one.name), type: 'variable', detail: one.type, boost: 1 })),
      ...functions.map((one) => ({
        label: one.function, apply: `${one.function}(`, type: 'function', detail: one.syntax.slice(one.function.length), info: `${one.description}\n${one.example} → ${one.result}`,
      })),
    ],
    validFor: /^[\w.]*$/,
  };
}
