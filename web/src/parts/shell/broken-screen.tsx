import { Alert, Button } from '@mantine/core';
import { Component, type ReactNode } from 'react';

/**
 * Keeps the frame when a screen fails: by a fault of ours, or since the service was updated and a part of the screen is not there any more.
 * React has this as a class alone.
 */
export class BrokenScreen extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <Alert color="red" title="This screen cannot be shown">
        Your runs go on. Load the page again; if it stays so, tell the maintainers what is written here: {error.message}{' '}
        <Button variant="default" size="compact-sm" onClick={() => window.location.reload()}>
          Load again
        </Button>
      </Alert>
    );
  }
}
