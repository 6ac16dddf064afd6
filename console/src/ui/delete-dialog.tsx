/** Deletes a topic or a group, whose name is typed first. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { ask } from '../api/service.ts'
import { FormDialog, TypedConfirmation } from './dialog.tsx'

export interface DeleteDialogProps {
  readonly kind: 'topic' | 'group'
  readonly name: string
  readonly onClose: () => void
  readonly onDone: () => void
  /** What is gone then. */
  readonly children: ComponentChildren
}

export function DeleteDialog({ kind, name, onClose, onDone, children }: DeleteDialogProps) {
  const [typed, setTyped] = useState('')
  const what = `${kind} ${name}`
  const submit = async () => {
    const needs = `delete on ${kind} '${name}'`
    await ask({ method: 'DELETE', path: [`${kind}s`, name], what, needs })
    onDone()
  }
  return (
    <FormDialog
      title={`Delete ${what}`}
      action="Delete"
      isDangerous
      isReady={typed === name}
      onClose={onClose}
      onSubmit={submit}
    >
      <p>{children}</p>
      <TypedConfirmation name={name} typed={typed} onInput={setTyped} />
    </FormDialog>
  )
}
