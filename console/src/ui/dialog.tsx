/** A dialog before the page; Escape closes it. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { ApiError } from '../api/problem.ts'

interface DialogProps {
  readonly title: string
  readonly onClose: () => void
  readonly children: ComponentChildren
  readonly kind?: 'palette' | undefined
}

export function Dialog({ title, onClose, children, kind }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const before = document.activeElement
    dialog.current?.showModal()
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  return (
    <dialog
      ref={dialog}
      class={kind}
      aria-label={title}
      onClose={onClose}
      onCancel={onClose}
      onClick={(event) => {
        if (event.target === dialog.current) onClose()
      }}
    >
      <div class="dialog-body">
        {kind !== 'palette' && (
          <header>
            <h2>{title}</h2>
            <button type="button" class="plain" aria-label="Close" onClick={onClose}>
              ×
            </button>
          </header>
        )}
        {children}
      </div>
    </dialog>
  )
}

interface FormDialogProps {
  readonly title: string
  readonly action: string
  readonly isDangerous?: boolean
  readonly isReady?: boolean
  readonly onClose: () => void
  /** Rejects with what is shown. */
  readonly onSubmit: () => Promise<void>
  readonly children: ComponentChildren
}

/** Asks, does it, and says why it could not be done. */
export function FormDialog(props: FormDialogProps) {
  const { title, action, isDangerous = false, isReady = true, onClose, onSubmit, children } = props
  const [error, setError] = useState('')
  const [isBusy, setBusy] = useState(false)
  const submit = async (event: Event) => {
    event.preventDefault()
    if (!isReady || isBusy) return
    setBusy(true)
    setError('')
    try {
      await onSubmit()
    } catch (failure) {
      setError(failureText(failure))
    } finally {
      setBusy(false)
    }
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit} class="form">
        {children}
        {error !== '' && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            class={isDangerous ? 'danger' : 'primary'}
            disabled={!isReady || isBusy}
          >
            {isBusy ? 'Working …' : action}
          </button>
        </footer>
      </form>
    </Dialog>
  )
}

export function failureText(failure: unknown): string {
  if (!(failure instanceof ApiError)) return String(failure)
  const right = failure.isDenied && failure.needs ? ` The missing right: ${failure.needs}.` : ''
  return `${failure.message}${right}`
}

/** What cannot be undone is typed first. */
export function TypedConfirmation({
  name,
  typed,
  onInput,
}: {
  name: string
  typed: string
  onInput: (typed: string) => void
}) {
  return (
    <label>
      <span>
        Type <code>{name}</code> to confirm
      </span>
      <input
        value={typed}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  )
}
