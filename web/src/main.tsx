import '@mantine/core/styles.css';
import './page.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { rememberLooking } from './parts/last-looked.ts';

const place = document.getElementById('page');
if (place === null) throw new Error('index.html has a place for the page.');
rememberLooking();
createRoot(place).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
