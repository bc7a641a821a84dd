import { describe, expect, it } from 'vitest';
import { initialsOf, nameOf } from '../src/app/who';

describe('who is signed in', () => {
  it('is called by a name, and by no id in its place', () => {
    expect(nameOf({ id: '74ee2695', name: 'Nightly loads' })).toBe('Nightly loads');
    expect(nameOf({ id: '74ee2695', name: '74ee2695' })).toBe('Unnamed client');
    expect(nameOf({ id: '74ee2695' })).toBe('Unnamed client');
  });
  it('has initials of the first and the last word', () => {
    expect(initialsOf({ id: '1', name: 'Ana María de Souza' })).toBe('AS');
    expect(initialsOf({ id: '1', name: 'nightly' })).toBe('N');
    expect(initialsOf({ id: '1', name: '– · –' })).toBeUndefined();
    expect(initialsOf({ id: '74ee2695', name: '74ee2695' })).toBeUndefined();
  });
});
