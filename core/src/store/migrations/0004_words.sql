-- Words are derived anew by the next search: ids of other items stood among them.

DELETE FROM words;
DELETE FROM searched;
