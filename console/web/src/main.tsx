import { render } from 'preact';
import { App } from './app.js';
import { chooseTheme, chosenTheme } from './preferences.js';

chooseTheme(chosenTheme());
render(<App />, document.getElementById('console')!);
